"""Kernels: arrays in, arrays out, as fast as the machine allows.

- :mod:`~quant_core.numerics.rolling`: one series over a moving window.
- :mod:`~quant_core.numerics.regression`: two series, or one against time.
- :mod:`~quant_core.numerics.cross_section`: the symbols of one session, by group or over all.

Each function there has a readable twin ``<name>_py`` in ``reference_rolling``,
``reference_regression`` and ``reference_cross_section``: plain Python over one window or one
row, slow and obviously right. The twins are the specification; tests hold the kernels to them.
"""
