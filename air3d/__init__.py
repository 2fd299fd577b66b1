"""How a picture is understood. Rooms, arrows from right to left:

model <- gradients <- objectives; model <- inference <- evaluation <- report <- training <- comparison <- entry points.
"""
