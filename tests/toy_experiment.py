"""What the tests of runs run; worker processes load this file by its path."""
