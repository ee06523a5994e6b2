-- One row a quarter of an hour and house: what the meter has read until its end, and the mean power of the hour that follows.
-- Times are those of the meter's clock, so the hour of the day is the household's (but for summer time, which it ignores).
WITH quarters AS (
    SELECT
        house,
        time_bucket(INTERVAL 15 MINUTE, read_at) AS quarter,
        avg(global_active_power) AS power,
        max(global_active_power) AS peak,
        avg(global_reactive_power) AS reactive_power,
        avg(voltage) AS voltage,
        sum(sub_metering_1) AS kitchen,
        sum(sub_metering_2) AS laundry,
        sum(sub_metering_3) AS heating,
        count(global_active_power) AS readings
    FROM readings
    GROUP BY ALL
),
with_future AS (
    SELECT
        *,
        avg(power) OVER next_hour AS following,
        sum(readings) OVER next_hour AS following_readings
    FROM quarters
    WINDOW next_hour AS (
        PARTITION BY house ORDER BY quarter
        RANGE BETWEEN INTERVAL 15 MINUTE FOLLOWING AND INTERVAL 60 MINUTE FOLLOWING
    )
)
SELECT
    house,
    quarter,
    power,
    peak,
    reactive_power,
    voltage,
    kitchen,
    laundry,
    heating,
    hour(quarter) + minute(quarter) / 60 AS hour_of_day,
    isodow(quarter) AS weekday,
    -- an hour with gaps of more than five minutes has no label
    CASE WHEN following_readings >= 55 THEN following END AS next_hour_power
FROM with_future
ORDER BY house, quarter
