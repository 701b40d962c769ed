"""What protobuf's own parser lets escape as other errors is an ApiError with the field's path."""

from __future__ import annotations

import pytest

from l7mp_mesh import api
from l7mp_mesh.api import ApiError, Json

CLUSTER = "envoy.config.cluster.v3.Cluster"


@pytest.mark.parametrize("value", ["web", -1, 1e20, [1], "", {}])
def test_a_wrapped_number_that_is_none_is_refused_by_path(value: Json) -> None:
    with pytest.raises(ApiError) as caught:
        api.from_json({"per_connection_buffer_limit_bytes": value}, CLUSTER)
    assert caught.value.path == "per_connection_buffer_limit_bytes"
    assert caught.value.why


@pytest.mark.parametrize("url", [None, 1, 1.5, True, [], {}])
def test_the_type_of_an_any_must_be_a_word(url: Json) -> None:
    value: Json = {"typed_extension_protocol_options": {"x": {"@type": url, "a": 1}}}
    with pytest.raises(ApiError) as caught:
        api.from_json(value, CLUSTER)
    assert caught.value.path == "typed_extension_protocol_options['x'].@type"


def test_an_any_of_a_well_known_type_needs_its_value() -> None:
    struct: Json = {"@type": "type.googleapis.com/google.protobuf.Struct"}
    with pytest.raises(ApiError, match="expected a member 'value'") as caught:
        api.from_json({"typed_extension_protocol_options": {"x": struct}}, CLUSTER)
    assert caught.value.path == "typed_extension_protocol_options['x']"
