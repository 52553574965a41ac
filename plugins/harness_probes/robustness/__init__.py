"""Does a score survive changes that leave a question what it was?"""
