"""What a match costs beside the rollback session: sealing, links, joining."""
