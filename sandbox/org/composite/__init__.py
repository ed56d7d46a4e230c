"""The composite family: collections, composite, batch, graph and tree (REST API Developer Guide,
"Composite Resources").
"""
