"""What is added to the program from outside, held against what the program relies on: test cases to subclass.

    from lib_rimo.testing import StrategyTestCase

    class TestMine(StrategyTestCase):
        strategy = "my-name"

Run by pytest or any other runner that calls methods named ``test...``; the program's own members pass the same ones.
"""

from lib_rimo.testing.drawers import DrawerTestCase
from lib_rimo.testing.families import FamilyTestCase
from lib_rimo.testing.methods import MethodTestCase
from lib_rimo.testing.scorers import ScorerTestCase
from lib_rimo.testing.strategies import StrategyTestCase

__all__ = ["DrawerTestCase", "FamilyTestCase", "MethodTestCase", "ScorerTestCase", "StrategyTestCase"]
