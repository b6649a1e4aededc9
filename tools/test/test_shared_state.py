# SPDX-License-Identifier: MIT
"""The check that each variable says why it may be shared: it finds the variable, and the comment
that counts."""

import unittest

from build import shared_state

SOURCE = """/* Written: of no use here, since an empty line follows. */

static int plain;

/* Guarded by: lock. */
static int first, second;
static int third[4] = {1, 2};

static struct thing {
    int plain; /* Per CPU: a member's comment counts for its struct */
} things[2];

static const char *const names[] = {"plain"};
static const struct thing *pointer; /* Atomic: a word */

void f(int argument)
{
    static int local; /* Written: here */
    static int silent;
}
"""


class SharedStateTest(unittest.TestCase):
    def explained(self, name):
        lines = SOURCE.splitlines()
        at = shared_state.declaration(lines, name)
        self.assertIsNotNone(at, name)
        return bool(shared_state.LABEL.search(shared_state.comment_of(lines, at)))

    def test_comments_that_count(self):
        for name in ("first", "second", "third", "things", "pointer", "local"):
            self.assertTrue(self.explained(name), name)

    def test_comments_that_do_not(self):
        self.assertFalse(self.explained("plain"))

    def test_constants_and_parameters_are_not_variables(self):
        self.assertIsNone(shared_state.declaration(SOURCE.splitlines(), "names"))
        self.assertIsNone(shared_state.declaration(SOURCE.splitlines(), "argument"))
