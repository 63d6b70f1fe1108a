"""The parts of ``millstream bench stream --peers``: worker and peers, side by side on Apache Kafka and Redis."""
