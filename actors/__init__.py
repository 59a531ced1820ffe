"""The numeric work: stages, the channels between them and the Ray actor that hosts one."""
