use fourstep_testkit::store_suite::Difference;

const STORED_AGAIN: &str = "stores the second value over the first while the version is pending";
const ON_TWO_VERSIONS: &str = "puts any label but AWSCURRENT on a second version without asking for the first";
const NO_FUNCTION: &str = "refuses, after it has made the version: it looks for the function in a Lambda of its own";
const NEVER_HIDDEN: &str = "treats versions without a label like all others";
const PENDING_STAYS: &str = "leaves AWSPENDING where it is";

/// Where `moto` (5.2) is known to differ from AWS. Each rule is said by AWS's API reference or rotation guide.
pub const DIFFERENCES: &[Difference] = &[
    Difference { rule: "a_pending_value_is_not_replaced", instead: STORED_AGAIN },
    Difference { rule: "a_value_of_65537_bytes_is_refused", instead: "knows no limit" },
    Difference { rule: "promotion_removes_pending", instead: PENDING_STAYS },
    Difference {
        rule: "a_refused_move_leaves_the_label_where_it_is",
        instead: "takes the label off before it looks for the version to put it on",
    },
    Difference { rule: "current_cannot_be_removed", instead: "removes it" },
    Difference { rule: "another_label_moves_only_if_its_version_is_named", instead: ON_TWO_VERSIONS },
    Difference { rule: "describing_leaves_versions_without_a_label_out", instead: NEVER_HIDDEN },
    Difference { rule: "listing_leaves_versions_without_a_label_out", instead: NEVER_HIDDEN },
    Difference { rule: "listing_comes_in_pages", instead: "gives all versions at once" },
    Difference { rule: "a_deleted_secret_is_not_written", instead: "stores the value" },
    Difference { rule: "rotating_makes_an_empty_version_under_pending", instead: NO_FUNCTION },
    Difference { rule: "rotating_again_with_the_same_token_is_no_error", instead: NO_FUNCTION },
    Difference {
        rule: "rotating_while_pending_is_elsewhere_is_refused",
        instead: "takes AWSPENDING from that version",
    },
    Difference { rule: "rotating_is_possible_again_once_pending_is_removed", instead: NO_FUNCTION },
    Difference { rule: "rotating_needs_a_function", instead: "promotes an empty version at once" },
    Difference { rule: "a_put_of_a_new_current_version_abandons_the_rotation", instead: PENDING_STAYS },
    Difference { rule: "the_store_leaves_unlabelled_versions_out_of_a_description", instead: NEVER_HIDDEN },
    Difference { rule: "the_store_reports_another_value_under_the_token", instead: STORED_AGAIN },
    Difference { rule: "the_store_lists_no_versions_of_an_absent_secret", instead: "fails with status 500" },
    Difference { rule: "the_store_stores_nothing_in_a_deleted_secret", instead: "stores the value" },
];
