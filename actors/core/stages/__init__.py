"""One stage and what it is told, and the plain loop whose bits the stages have to give."""
