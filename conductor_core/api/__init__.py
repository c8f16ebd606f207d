"""The HTTP door: what programs reach Conductor by. Routes translate, the Conductor decides."""
