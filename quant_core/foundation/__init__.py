"""The ground floor: errors, money, time, panels, files. Imports nothing above itself."""
