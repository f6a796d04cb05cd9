"""From a finished run to the device: loading, predicting, exporting, quantising."""
