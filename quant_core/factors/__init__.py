"""Factors: text <-> tree, the operators, and the evaluation of trees over panels."""
