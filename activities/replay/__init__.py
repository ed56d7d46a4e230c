"""Activities of replay: select landed batches, stage them again and apply them."""
