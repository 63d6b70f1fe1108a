-- Spend: what a customer buys for in the 90 days that begin with the observation. Customers are observed every 30 days
-- from 1997-04-01, once they have bought; an observation counts only where its 90 days end inside the lake.
WITH observed AS (
    SELECT unnest(generate_series(TIMESTAMPTZ '1997-04-01 00:00:00+00', $lake_end - INTERVAL 90 DAY, INTERVAL 30 DAY)) AS at
),
known AS (
    SELECT customer_id, min(purchased_at) AS first_at FROM purchases GROUP BY customer_id
),
spent AS (
    SELECT purchases.customer_id, observed.at, sum(CAST(purchases.amount_usd AS DECIMAL(38, 2))) AS usd
    FROM observed
    JOIN purchases ON purchases.purchased_at >= observed.at AND purchases.purchased_at < observed.at + INTERVAL 90 DAY
    GROUP BY ALL
)
SELECT
    known.customer_id,
    observed.at AS event_timestamp,
    CAST(coalesce(spent.usd, 0) AS DOUBLE) AS label
FROM observed
JOIN known ON known.first_at < observed.at
LEFT JOIN spent ON spent.customer_id = known.customer_id AND spent.at = observed.at
ORDER BY event_timestamp, known.customer_id
