"""Faults on purpose: a site that is hurt by a seeded schedule while events flow, and judged by what was sent."""
