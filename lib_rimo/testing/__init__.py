"""What is added to the program from outside, held against what the program relies on: test cases to subclass.

    from lib_rimo.testing import StrategyTestCase

    class TestMine(StrategyTestCase):
        strategy = "my-name"

Run by pytest or any other runner that calls methods named ``test...``; the program's own members pass the same ones.
"""

from lib_rimo.testing.drawers import DrawerTestCase
from lib_rimo.testing.strategies import StrategyTestCase

__all__ = ["DrawerTestCase", "StrategyTestCase"]
