"""Pipelines as BPMN 2.0, and what of BPMN is a pipeline."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.errors import CrmkitError, DefinitionErrors, InputError
from crmkit.pipeline import Move, Pipeline, Stage
from crmkit.pipeline.bpmn import from_bpmn, to_bpmn
from crmkit.testing.pipelines import guards_of, pipelines

heavy = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@heavy
@given(pipelines())
def test_a_pipeline_comes_back_from_its_model(pipeline):
    """from_bpmn(to_bpmn(p)) == p for any pipeline: what BPMN has no words for travels with it."""
    again = from_bpmn(to_bpmn(pipeline), guards=guards_of(pipeline))
    assert again == pipeline
    assert again.definition == pipeline.definition
    assert {s: [*m] for s, m in again.moves.items()} == {s: [*m] for s, m in pipeline.moves.items()}
