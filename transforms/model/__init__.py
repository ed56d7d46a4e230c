"""The reporting model: a dbt project of which the catalogue makes the staging models, the
dimensions and the masked views, and people write the marts on top. No I/O but the project's own
files.
"""

from transforms.model.project_files import MissingMart, ModelProject, model_project

__all__ = ["MissingMart", "ModelProject", "model_project"]
