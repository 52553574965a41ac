"""What reports of runs, comparisons and trainings are made of, so that they read alike.

numbers    how values, intervals, p-values and times are written
drawing    where they stand on an axis
forest     many of them on one axis, in rows
charts     values over steps, with axes
answers    what a comparison found, in one sentence
records    what a sample was asked and answered, and how it came out
tables     a run's scores as one table: CSV, LaTeX
figures    drawn by matplotlib: forest plots, calibration, history
page       self-contained HTML pages: layout, style, script
progress   one display of what a long command does
"""
