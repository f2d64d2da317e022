"""Text and a knowledge base in; the mentions of its entities in the text, each with its entity or NIL, out."""
