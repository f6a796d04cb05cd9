"""From images to a network that ships: what the images are, a race on them, and the folder that is left."""
