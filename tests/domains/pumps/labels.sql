-- A pump fails within the 24 hours that begin with the observation. Pumps are observed every six hours from
-- 2024-01-04 while they send readings. The plan at that time was full load on weekdays, 40 percent at weekends.
WITH observed AS (
    SELECT unnest(generate_series(TIMESTAMPTZ '2024-01-04 00:00:00+00', $lake_end - INTERVAL 24 HOUR, INTERVAL 6 HOUR)) AS at
),
running AS (
    SELECT DISTINCT pump_readings.pump_id, observed.at
    FROM observed
    JOIN pump_readings
        ON pump_readings.measured_at >= observed.at - INTERVAL 24 HOUR AND pump_readings.measured_at < observed.at
),
failed AS (
    SELECT DISTINCT pump_failures.pump_id, observed.at
    FROM observed
    JOIN pump_failures
        ON pump_failures.failed_at >= observed.at AND pump_failures.failed_at < observed.at + INTERVAL 24 HOUR
)
SELECT
    running.pump_id,
    running.at AS event_timestamp,
    CASE WHEN isodow(running.at) >= 6 THEN 40.0 ELSE 90.0 END::DOUBLE AS planned_load_percent,
    CAST(failed.pump_id IS NOT NULL AS INTEGER) AS label
FROM running
LEFT JOIN failed ON failed.pump_id = running.pump_id AND failed.at = running.at
ORDER BY event_timestamp, running.pump_id
