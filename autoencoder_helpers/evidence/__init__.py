"""Answers as data: what a learner's answers are, written down without code.

A score must not come from a process that ran a learner's code. So that process only describes the answers -
numbers, arrays, and networks as a list of allowed layers with their weights - and another one, which never
ran such code, rebuilds them and runs the rules. Evidence holds no code: no pickles, no names to import, no
functions.

What a network may consist of: `limits` and `refusals`, on which `settings`, `shapes`, `distributions`, `layers` and
`operations` stand, each on those before it. `judging` holds a description against them, `description` writes networks
down, `rebuilding` makes them again. Both directions live here because the rules also hand small networks to a learner's
functions.
"""
