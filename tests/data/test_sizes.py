"""How many images a dataset tests with, before it is prepared and after its entry has changed."""

from archlab.data import images_to_test, prepare


def test_images_of_a_store_whose_entry_has_changed_are_not_counted(home, fill, describe):
    source = {"folder": {"path": str(fill({"cat": 20, "dog": 20}))}}
    describe("pets", source=source, images={"all": 50})
    assert images_to_test("pets", home) == 10
    prepare("pets", home, resolution=8)
    assert images_to_test("pets", home) == 8
    describe("pets", source=source, images={"all": 50}, test=0.5)
    assert images_to_test("pets", home) == 25
    assert images_to_test("nothing", home) is None
