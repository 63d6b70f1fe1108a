"""The demo: a domain's whole story, from its recorded history to scores that are proven and compared with the truth."""
