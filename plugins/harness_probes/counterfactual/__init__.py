"""Does a score change when the people in the text are others?"""
