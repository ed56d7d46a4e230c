"""Resources that Salesforce has and this org has not: each says so, by name, instead of looking
like a wrong address.
"""

from collections.abc import Mapping

NOT_BUILT: Mapping[str, str] = {
    "/actions": "Invocable Actions",
    "/analytics": "Reports and Dashboards REST API",
    "/appMenu": "AppMenu",
    "/chatter": "Connect REST API",
    "/commerce": "Commerce",
    "/compactLayouts": "Compact Layouts",
    "/connect": "Connect REST API",
    "/consent": "Consent",
    "/dedupe": "Duplicate jobs",
    "/folders": "Folders",
    "/graphql": "GraphQL API",
    "/knowledgeManagement": "Knowledge Management",
    "/licensing": "Licensing",
    "/localizedvalue": "Localized values",
    "/metadata": "Metadata REST API",
    "/parameterizedSearch": "Parameterized Search",
    "/process": "Process Approvals and Rules",
    "/quickActions": "Quick Actions",
    "/recent": "Recently Viewed Items",
    "/scheduling": "Scheduling",
    "/search": "Search (SOSL)",
    "/serviceTemplates": "Service templates",
    "/smartdatadiscovery": "Einstein Discovery",
    "/sobjects/{object}/describe/approvalLayouts": "sObject Approval Layouts",
    "/sobjects/{object}/describe/compactLayouts": "sObject Compact Layouts",
    "/sobjects/{object}/describe/layouts": "sObject Layouts",
    "/sobjects/{object}/describe/namedLayouts": "sObject Named Layouts",
    "/sobjects/{object}/listviews": "List Views",
    "/sobjects/{object}/quickActions": "sObject Quick Actions",
    "/sobjects/{object}/relevantItems": "sObject Relevant Items",
    "/support": "Knowledge support",
    "/tabs": "Tabs",
    "/theme": "Themes",
    "/ui-api": "User Interface API",
    "/wave": "CRM Analytics REST API",
}
"""Path below `/services/data/vXX.X` -> what it is. Whatever is below the path is not built either.
"""
