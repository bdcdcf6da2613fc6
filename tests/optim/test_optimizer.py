"""What all optimisers share."""

import pytest

import graph_engine as ge


def test_what_people_expect_who_come_from_elsewhere_is_answered():
    w = ge.parameter("w", 1.0)
    with pytest.raises(ge.DeclarationError, match="SGD is given its learning rate, not parameters"):
        ge.optim.SGD([w], lr=0.1)
    with pytest.raises(ge.DeclarationError, match="Adam is given its learning rate"):
        ge.optim.Adam(iter([w]))
    optimizer = ge.optim.SGD(0.1)
    with pytest.raises(AttributeError, match=r"'step'; step = engine\.compile"):
        optimizer.step()
    with pytest.raises(AttributeError, match="nothing has to be cleared"):
        optimizer.zero_grad()
    assert not hasattr(optimizer, "anything")
