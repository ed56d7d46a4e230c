"""Operations that the partner and the enterprise API have and this org has not: each is refused by
name (SOAP API Developer Guide, "Core Calls", "Describe Calls", "Utility Calls").
"""

_DESCRIBES = (
    "AllTabs", "AppMenu", "ApprovalLayout", "AvailableQuickActions", "CompactLayouts", "DataCategoryGroups",
    "DataCategoryGroupStructures", "DataCategoryMappings", "GlobalTheme", "KnowledgeSettings", "Layout", "Nouns",
    "PathAssistants", "PrimaryCompactLayouts", "QuickActions", "QuickActionsForRecordType", "SearchableEntities",
    "SearchLayouts", "SearchScopeOrder", "SoftphoneLayout", "SObjectListViews", "SoqlListViews", "Tabs", "Theme",
    "VisualForce",
)  # fmt: skip
NOT_BUILT = frozenset(
    {
        *(f"describe{name}" for name in _DESCRIBES), "changeOwnPassword", "deleteByExample", "executeListView",
        "findDuplicates", "findDuplicatesByIds", "invalidateSessions", "performQuickActions", "process",
        "renderEmailTemplate", "renderStoredEmailTemplate", "resetPassword", "retrieveMassQuickActionTemplates",
        "retrieveQuickActionTemplates", "search", "sendEmail", "sendEmailMessage", "setPassword",
    }
)  # fmt: skip
