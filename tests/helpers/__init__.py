"""What test modules share: sites and builds of them, models, services that fail, browsers, pages of maps."""

import pytest

pytest.register_assert_rewrite("helpers.models", "helpers.processes", "helpers.sites")
