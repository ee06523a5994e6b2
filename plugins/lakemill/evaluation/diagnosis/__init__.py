"""What a model's figures say about what to change next; pure functions of pipelines, rows and predictions.

The rows are training and validation rows. Test rows have no place here: advice that comes from them, once it is
followed, would leave nothing to judge the next model by. Stays out: where rows and models come from.
"""
