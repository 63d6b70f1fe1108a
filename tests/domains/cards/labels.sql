-- Fraud: an approved payment is charged back within 14 days of its clearing. Payments are cleared four times a day, each
-- with those of the six hours before; what one card pays at one merchant by one device in that time is one observation,
-- of its largest payment. Observed from three weeks after the first event on, for so far do features look back.
WITH approved AS (
    SELECT
        *,
        to_timestamp((floor(epoch(happened_at) / 21600) + 1) * 21600) AS cleared_at
    FROM card_events
    WHERE bank_answer = 'approved' AND happened_at >= TIMESTAMPTZ '2025-03-22 00:00:00+00'
),
returned AS (
    SELECT authorisation_id, happened_at AS returned_at FROM card_events WHERE event_kind = 'chargeback'
)
SELECT
    approved.customer_id,
    approved.card_token,
    approved.merchant_id,
    approved.device_id,
    approved.cleared_at AS event_timestamp,
    max(approved.amount_eur) AS waiting_eur,
    bool_or(approved.entry_mode = 'ecommerce') AS waiting_online,
    max(CASE WHEN returned.returned_at < approved.cleared_at + INTERVAL 14 DAY THEN 1 ELSE 0 END) AS label
FROM approved
LEFT JOIN returned ON returned.authorisation_id = approved.authorisation_id
WHERE approved.cleared_at <= $lake_end - INTERVAL 14 DAY
GROUP BY ALL
ORDER BY event_timestamp, approved.card_token, approved.merchant_id, approved.device_id
