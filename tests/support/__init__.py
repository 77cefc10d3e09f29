"""What the tests share: a real Kafka, Baton and worker processes, clients, waiting with a deadline."""
