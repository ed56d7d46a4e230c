"""The reporting model: messages of its builds."""

from schemas.model.messages import ModelBuildInput, ModelCommand, ModelProblem, ModelRun

__all__ = ["ModelBuildInput", "ModelCommand", "ModelProblem", "ModelRun"]
