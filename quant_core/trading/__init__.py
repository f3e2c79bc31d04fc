"""The words of trading: orders, events, accounts, targets, sizing, costs, fills. No I/O."""
