"""Tasks on words and phrases: what single words' vectors know, over the same `embed` protocol."""
