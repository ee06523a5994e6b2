"""Pages: what HTML pages for people are made of: one look, markup that escapes, plots.

A page opens without a network and needs no other file. Knows no workflow and no lake. Stays out: what a page says.
"""
