-- One row a flight, with the weather of its origin in the hour of its scheduled departure.
-- Joined on time_hour, which is UTC: the local hour comes twice on the night that winter time begins.
-- A flight without a weather row stays, with its weather missing.
SELECT
    f.carrier,
    f.flight,
    f.origin,
    f.dest,
    f.tailnum,
    CAST(f.time_hour AS TIMESTAMPTZ) + to_minutes(CAST(f.minute AS INTEGER)) AS scheduled_departure,
    -- known before departure
    f.distance,
    f.hour AS departure_hour,
    isodow(make_date(f.year, f.month, f.day)) AS weekday,
    -- scheduled time from gate to gate, in local times of two zones: a fingerprint of the route and its timetable
    ((f.sched_arr_time // 100 * 60 + f.sched_arr_time % 100)
        - (f.sched_dep_time // 100 * 60 + f.sched_dep_time % 100) + 1440) % 1440 AS scheduled_minutes,
    w.temp,
    w.dewp,
    w.humid,
    w.wind_dir,
    w.wind_speed,
    w.wind_gust,
    w.precip,
    w.pressure,
    w.visib,
    -- known only afterwards: kept for people, no features
    f.dep_time AS departure_time,
    f.arr_time AS arrival_time,
    f.dep_delay AS departure_delay,
    f.arr_delay AS arrival_delay,
    f.air_time,
    f.arr_delay >= 30 AS late
FROM flights AS f
LEFT JOIN weather AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
