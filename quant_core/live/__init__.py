"""The live worker: its journal, and the files between it and the console.

* :mod:`~quant_core.live.journal` - what the worker did, durable before it acts on it.
* :mod:`~quant_core.live.ipc` - the state the worker shows, and the KILL file.
* :mod:`~quant_core.live.commands` - what the console may ask for, signed.
* :mod:`~quant_core.live.command_door` - how a command gets in, exactly once.
"""
