"""What a curve of account values says: returns, risk, drawdowns, costs, inference."""
