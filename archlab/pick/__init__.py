"""From a folder of images to a file to ship: a race of candidates on validation images, within a time.

photographs  what there is: classes, splits without leaks, doubles
prior        how models do on other datasets
candidates   the references and what searches found, within the limits
request      what is asked for
clock        how much of the time is left, across interruptions
decisions    what was decided, kept, so that the same command goes on with it
trainer      runs of candidates, and what they are worth on validation images
standing     who leads, and who is surely behind, with the noise of images and of seeds
lengths      how many steps fit into a time
resolution   pixels, by measurement
race         successive halving over steps, then seeds
winner       learning rate, augmentation and start of the winner; its long training
folder       what is left: the file, predict.py, the card
picking      all of it
"""
