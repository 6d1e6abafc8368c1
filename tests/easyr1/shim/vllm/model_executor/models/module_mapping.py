class MultiModelKeys:
    pass
