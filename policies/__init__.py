"""Rules as tables and pure functions: values in, values out."""
