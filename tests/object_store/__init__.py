"""An object store as the tests have it: a server that speaks S3, in an environment of its own."""
