# A large org: 120,000 changes a minute at the peak, 35 million a day.
#
#   terraform init && terraform apply -var-file=mine.tfvars
#
# docs/deploy.md goes through it step by step.

terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region            = var.region
  use_fips_endpoint = local.is_gov

  default_tags {
    tags = { Application = "tidegate", Deployment = var.name }
  }
}

data "aws_partition" "here" {}

locals {
  is_gov = startswith(var.region, "us-gov-")
}

variable "region" {
  description = "AWS region. `us-gov-…` = GovCloud: FIPS endpoints, and Temporal on your own Fargate."
  type        = string
}

variable "name" {
  description = "Name of the deployment: one Salesforce org, one deployment."
  type        = string
}

variable "images" {
  description = "Images by digest, from your own registry."
  type        = object({ tidegate = string, collector = string, temporal = optional(string, "") })
}

variable "salesforce" {
  type = object({ org_id = string, login_url = string, username = string, secret_arn = string })
}

variable "api" {
  type = object({
    certificate_arn   = string
    allowed_cidrs     = list(string)
    internal          = optional(bool, true)
    access_log_bucket = optional(string)
  })
}

variable "temporal" {
  description = "`mode` self_hosted needs the secret of Temporal's database user; cloud needs `cloud`."
  type = object({
    mode                = optional(string, "self_hosted")
    database_secret_arn = optional(string, "")
    cloud               = optional(object({ address = string, namespace = string, api_key_secret_arn = string }))
  })
  default = {}
}

variable "pager_urls" {
  type    = list(string)
  default = []
}

variable "settings" {
  description = "Further settings of docs/settings.md, such as TIDEGATE_LANES."
  type        = map(string)
  default     = {}
}

module "network" {
  source           = "../../modules/network"
  name             = var.name
  logs_key_arn     = module.data.keys["logs"]
  temporal_outside = var.temporal.mode == "cloud"
}

module "data" {
  source                  = "../../modules/data"
  name                    = var.name
  vpc_id                  = module.network.vpc_id
  private_subnet_ids      = module.network.private_subnet_ids
  tasks_security_group_id = module.network.tasks_security_group_id

  aurora_capacity   = { min = 2, max = 32 }
  redshift_base_rpu = 16
  redshift_max_rpu  = 128
}

module "services" {
  source                  = "../../modules/services"
  name                    = var.name
  image                   = var.images.tidegate
  salesforce              = var.salesforce
  settings                = var.settings
  api                     = var.api
  vpc_id                  = module.network.vpc_id
  private_subnet_ids      = module.network.private_subnet_ids
  public_subnet_ids       = module.network.public_subnet_ids
  tasks_security_group_id = module.network.tasks_security_group_id
  buckets                 = module.data.buckets
  keys                    = module.data.keys
  anchor_key_arn          = module.data.anchor_key_arn
  copy_role_arn           = module.data.copy_role_arn
  aurora                  = module.data.aurora
  redshift                = module.data.redshift
  temporal                = module.temporal
}

module "temporal" {
  source                  = "../../modules/temporal"
  name                    = var.name
  mode                    = var.temporal.mode
  cloud                   = var.temporal.cloud
  image                   = var.images.temporal
  partition               = data.aws_partition.here.partition
  vpc_id                  = module.network.vpc_id
  cidr                    = module.network.cidr
  private_subnet_ids      = module.network.private_subnet_ids
  tasks_security_group_id = module.network.tasks_security_group_id
  cluster_arn             = module.services.cluster_arn
  database_host           = module.data.aurora.host
  database_secret_arn     = var.temporal.database_secret_arn
  stores_key_arn          = module.data.keys["stores"]
  logs_key_arn            = module.data.keys["logs"]
}

module "observability" {
  source                  = "../../modules/observability"
  name                    = var.name
  logs_key_arn            = module.data.keys["logs"]
  pager_urls              = var.pager_urls
  cluster_arn             = module.services.cluster_arn
  cluster_name            = module.services.cluster_name
  discovery_domain        = module.services.discovery_domain
  collector_image         = var.images.collector
  private_subnet_ids      = module.network.private_subnet_ids
  tasks_security_group_id = module.network.tasks_security_group_id
  aurora_identifier       = module.data.aurora.identifier
  redshift_workgroup      = module.data.redshift.workgroup
  load_balancer_suffix    = module.services.load_balancer_suffix
}

output "api_dns_name" {
  value = module.services.api_dns_name
}

output "migrate_task_definition_arn" {
  description = "Run it once before the first deployment and before each upgrade."
  value       = module.services.task_definition_arns["migrate"]
}
