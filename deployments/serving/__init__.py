"""The flow engine in service: server, pools, deployments, workers, supervision.

Only `register`, `forked`, `inprocess`, `nursery` and `worker` load Prefect; the rest speaks
its REST interface, so that a supervisor starts at once and survives the engine.
"""
